// Each way to part, and what either side says of it.

const assert = require("node:assert/strict");
const { connected, next, story } = require("./story");

/** The reason that `socket` gives. */
const reason = async (socket) => [await next(socket, "disconnect")].flat()[0];

story(async () => {
  const ana = await connected("ana");
  let gone = reason(ana);
  ana.disconnect();
  assert.equal(await gone, "io client disconnect");

  const bo = await connected("bo");
  gone = reason(bo);
  bo.emit("send me away");
  assert.equal(await gone, "io server disconnect");
  assert.equal(bo.active, false, "who was sent away stays away");

  const cleo = await connected("cleo");
  const before = cleo.id;
  gone = reason(cleo);
  cleo.emit("close me");
  assert.equal(await gone, "transport close");
  assert.equal(cleo.active, true, "whose transport was closed comes back");
  await next(cleo, "connect");
  assert.notEqual(cleo.id, before);
  assert.equal(await cleo.emitWithAck("who"), "cleo");

  const dora = await connected("dora");
  gone = reason(dora);
  dora.io.engine.close();
  assert.equal(await gone, "forced close");
  dora.disconnect();

  // What was sent before the end arrives.
  const eve = await connected("eve");
  const last = next(eve, "last words");
  eve.emit("tell me and send me away");
  assert.equal(await last, "farewell");
});
