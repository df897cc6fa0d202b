// The server goes, another one comes on its port: the client comes back by itself, misses nothing,
// and goes on.

const assert = require("node:assert/strict");
const { connected, next, story, tell, told, transports } = require("./story");

story(async () => {
  const ana = await connected("ana", { auth: { token: "good", name: "ana", log: "ana" } });
  const id = ana.id;
  const gone = next(ana, "disconnect");
  tell("connected");
  const reason = [await gone].flat()[0];
  // A client that polls may find nobody when it asks again.
  const reasons = transports === "polling" ? ["transport close", "transport error"] : ["transport close"];
  assert.ok(reasons.includes(reason), reason);
  assert.equal(ana.active, true);
  await next(ana, "connect");
  assert.equal(ana.recovered, true);
  assert.equal(ana.id, id);
  assert.equal(await ana.emitWithAck("who"), "ana");
  tell("back");
  await told();
});
