// 2,000 events at once, each way and both ways: all of them, in order, while each handler waits.

const assert = require("node:assert/strict");
const { collect, connect, next, story, upgraded } = require("./story");

const MANY = 2000;
const numbers = Array.from({ length: MANY }, (_, n) => n);

story(async () => {
  const ana = connect("ana");
  const items = collect(ana, "item");
  await next(ana, "connect");

  // At once: where the transport is upgraded, in the middle of that.
  for (const n of numbers) ana.emit("count", n);
  assert.deepEqual(await ana.emitWithAck("counted"), numbers);
  ana.emit("burst", MANY);
  assert.deepEqual(await items.until(MANY), numbers);

  await upgraded(ana);
  ana.emit("burst", MANY);
  const acks = numbers.map((n) => ana.emitWithAck("count", MANY + n));
  assert.deepEqual(await Promise.all(acks), numbers.map((n) => MANY + n));
  const all = [...numbers, ...numbers.map((n) => MANY + n)];
  assert.deepEqual(await ana.emitWithAck("counted"), all);
  assert.deepEqual(await items.until(2 * MANY), [...numbers, ...numbers]);
});
