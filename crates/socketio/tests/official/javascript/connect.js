// Who may connect does, who may not learns why and can try again.

const assert = require("node:assert/strict");
const { io } = require("socket.io-client");
const { connect, next, story, transports, upgraded, url } = require("./story");

story(async () => {
  const ana = connect("ana", { query: { color: "blue" } });
  const welcome = next(ana, "welcome");
  await next(ana, "connect");
  assert.match(ana.id, /^[A-Za-z0-9_-]{20}$/);
  assert.notEqual(ana.id, ana.io.engine.id, "the id of a session is a secret");
  assert.deepEqual(await welcome, { id: ana.id, name: "ana", color: "blue", recovered: false });
  await upgraded(ana);
  assert.equal(ana.io.engine.transport.name, transports.split(",").at(-1));

  const stranger = connect("stranger", { auth: { token: "bad" } });
  const refusal = await next(stranger, "connect_error");
  assert.equal(refusal.message, "not authorized");
  assert.deepEqual(refusal.data, { code: "invalid_token", hint: "\u2028ünï" });
  assert.equal(stranger.connected, false);
  assert.equal(stranger.active, false, "a refused client must not try again by itself");

  stranger.auth = { token: "good", name: "friend" };
  stranger.connect();
  await next(stranger, "connect");
  assert.equal(await stranger.emitWithAck("who"), "friend");

  const nobody = connect("nobody", { auth: undefined });
  assert.deepEqual((await next(nobody, "connect_error")).data.code, "invalid_token");

  const elsewhere = io(`${url}/elsewhere`, { transports: transports.split(","), forceNew: true });
  assert.equal((await next(elsewhere, "connect_error")).message, "Invalid namespace");
  assert.equal(await ana.emitWithAck("who"), "ana", "others do not notice");
});
