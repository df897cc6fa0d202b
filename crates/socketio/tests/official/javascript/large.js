// Large messages pass; what is larger than announced ends the one connection that it came over.

const assert = require("node:assert/strict");
const { ask, connected, next, story } = require("./story");

const LARGE = 900_000;
const TOO_LARGE = 1_100_000;

story(async () => {
  const ana = await connected("ana");
  const bo = await connected("bo");

  const text = "ü".repeat(LARGE / 2);
  assert.deepEqual(await ana.emitWithAck("echo", text), [text]);
  // Over polling, bytes are a third longer.
  const blob = Buffer.alloc(LARGE * 0.7, "blob");
  assert.deepEqual((await ask(ana, "bytes", blob))[1], blob);

  const gone = next(ana, "disconnect");
  ana.emit("echo", "x".repeat(TOO_LARGE));
  await gone;
  assert.equal(await bo.emitWithAck("who"), "bo", "others do not notice");
  await next(ana, "connect");
  assert.equal(await ana.emitWithAck("who"), "ana");
});
