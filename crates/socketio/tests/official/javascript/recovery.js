// A client that lost its transport gets what it missed, once and in order, or learns that it cannot.

const assert = require("node:assert/strict");
const { collect, connected, next, story, upgraded } = require("./story");

/** Events that a log of the test holds. */
const KEPT = 50;

const options = { reconnection: false, auth: { token: "good", name: "ana", log: "ana" } };

/** Loses the transport, lets `meanwhile` happen, and comes back. */
const comeBack = async (socket, meanwhile) => {
  const gone = next(socket, "disconnect");
  socket.io.engine.close();
  await gone;
  await meanwhile();
  socket.connect();
  await next(socket, "connect");
  await upgraded(socket);
};

story(async () => {
  const bo = await connected("bo");
  const ana = await connected("ana", options);
  const { seen, until } = collect(ana, "note");
  /** Publishes notes to Ana's log. */
  const publish = async (...notes) => {
    for (const note of notes) await bo.emitWithAck("publish", "ana", "note", note);
  };
  assert.equal(ana.recovered, false);
  const id = ana.id;

  // Nothing had come before.
  await comeBack(ana, () => publish(1, 2, 3));
  assert.equal(ana.recovered, true);
  assert.equal(ana.id, id, "it is the same socket");
  assert.deepEqual(await until(3), [1, 2, 3]);

  // Something had; and its rooms are its rooms.
  await ana.emitWithAck("join", "kitchen");
  await publish(4);
  await until(4);
  await comeBack(ana, () => publish(5, 6));
  assert.equal(ana.recovered, true);
  assert.equal(await bo.emitWithAck("say", "kitchen", "hello"), 1);
  await publish(7);
  assert.deepEqual(await until(7), [1, 2, 3, 4, 5, 6, 7]);

  // Nothing missed at all.
  await comeBack(ana, async () => {});
  assert.equal(ana.recovered, true);

  // As many as the log keeps, with bytes of every kind of text.
  const many = Array.from({ length: KEPT }, (_, n) => `\u2028 👩‍👩‍👧 ${n}`);
  await comeBack(ana, () => publish(...many));
  assert.equal(ana.recovered, true);
  assert.deepEqual((await until(7 + KEPT)).slice(7), many);

  // More than the log keeps: it cannot be proved that nothing is missing.
  await comeBack(ana, () => publish(...Array.from({ length: KEPT + 1 }, (_, n) => -n)));
  assert.equal(ana.recovered, false);
  assert.notEqual(ana.id, id);
  await publish("news");
  await until(8 + KEPT);
  assert.equal(seen[7 + KEPT], "news", "what was missed is not told in part");

  // An end that was meant.
  ana.disconnect();
  await publish("not for us");
  ana.connect();
  await next(ana, "connect");
  await upgraded(ana);
  assert.equal(ana.recovered, false);

  // Somebody else's secret.
  await comeBack(ana, async () => {
    ana._pid = "AAAAAAAAAAAAAAAAAAAA";
  });
  assert.equal(ana.recovered, false);
  assert.equal(await ana.emitWithAck("who"), "ana");
});
