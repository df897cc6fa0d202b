// No more heartbeats come: the client says so and comes back when it can.

const assert = require("node:assert/strict");
const { connected, next, story, tell } = require("./story");

story(async () => {
  const ana = await connected("ana");
  tell("connected");
  assert.equal([await next(ana, "disconnect")].flat()[0], "ping timeout");
  tell("gone");
  await next(ana, "connect");
  assert.equal(await ana.emitWithAck("who"), "ana");
});
