// What is said in a room is heard by those who are in it, once, and by nobody else.

const assert = require("node:assert/strict");
const { collect, connected, story } = require("./story");

story(async () => {
  const [ana, bo, cleo] = await Promise.all(["ana", "bo", "cleo"].map((name) => connected(name)));
  const heard = [ana, bo, cleo].map((socket) => collect(socket, "said").seen);
  /** Everything sent before has arrived: a socket gets all in the order in which it was sent. */
  const settled = () => Promise.all([ana, bo, cleo].map((socket) => socket.emitWithAck("who")));

  for (const socket of [ana, ana, bo]) await socket.emitWithAck("join", "kitchen");
  await cleo.emitWithAck("join", "garden");
  assert.equal(await ana.emitWithAck("say", "kitchen", "to others"), 1);
  assert.equal(await cleo.emitWithAck("say", "kitchen", "from outside"), 2);
  assert.equal(await ana.emitWithAck("say", "nowhere", "to nobody"), 0);
  assert.equal(await ana.emitWithAck("say", "user:cleo", "in private"), 1);
  await settled();
  assert.deepEqual(heard, [["from outside"], ["to others", "from outside"], ["in private"]]);

  await bo.emitWithAck("leave", "kitchen");
  assert.equal(await cleo.emitWithAck("say", "kitchen", "again"), 1);
  await settled();
  ana.disconnect().connect();
  await ana.emitWithAck("who");
  assert.equal(await cleo.emitWithAck("say", "kitchen", "to an empty room"), 0);
  await settled();
  assert.deepEqual(heard[0], ["from outside", "again"]);
  assert.equal(heard[1].length, 2);

  // What may be lost is not lost while nothing else is on its way.
  const typing = collect(bo, "typing");
  await cleo.emitWithAck("type", "user:bo", 1);
  assert.deepEqual(await typing.until(1), [0]);
});
