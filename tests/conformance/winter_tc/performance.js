// performance and the entries of user timing.
import { assert, assertEquals, assertThrows, test } from "./harness.js";

test("now goes on, and only forward", async () => {
  const first = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 5));
  const second = performance.now();
  assert(second > first, `${first} then ${second}`);
  assert(first >= 0);
});

test("timeOrigin and now make the time of day", () => {
  assert(Math.abs(performance.timeOrigin + performance.now() - Date.now()) < 60_000);
  assertEquals(performance.toJSON().timeOrigin, performance.timeOrigin);
  assert(performance instanceof Performance && performance instanceof EventTarget);
});

test("mark and measure", async () => {
  const detail = { x: [1] };
  const mark = performance.mark("a", { startTime: 5, detail });
  assert(mark instanceof PerformanceMark && mark.detail !== detail);
  assertEquals(
    [mark.name, mark.entryType, mark.startTime, mark.duration, mark.detail],
    ["a", "mark", 5, 0, detail],
  );
  performance.mark("b", { startTime: 9 });
  const measure = performance.measure("m", "a", "b");
  assert(measure instanceof PerformanceMeasure);
  assertEquals([measure.startTime, measure.duration, measure.detail], [5, 4, null]);
  assertEquals(performance.measure("n", { start: 1, duration: 2, detail: 7 }).toJSON(), {
    name: "n",
    entryType: "measure",
    startTime: 1,
    duration: 2,
    detail: 7,
  });
  await assertThrows(() => performance.measure("x", "nothing"), "SyntaxError");
  await assertThrows(() => performance.mark("x", { startTime: -1 }), TypeError);
});

test("the timeline", () => {
  performance.clearMarks();
  performance.clearMeasures();
  performance.mark("late", { startTime: 9 });
  performance.mark("early", { startTime: 1 });
  performance.measure("between", "early", "late");
  assertEquals(
    performance.getEntriesByType("mark").map(({ name }) => name),
    ["early", "late"],
  );
  assertEquals(performance.getEntriesByName("between").length, 1);
  assertEquals(performance.getEntriesByName("between", "mark").length, 0);
  assertEquals(
    performance.getEntries().map(({ name }) => name),
    ["early", "between", "late"],
  );
  performance.clearMarks("early");
  performance.clearMeasures();
  assertEquals(
    performance.getEntries().map(({ name }) => name),
    ["late"],
  );
  performance.clearMarks();
});

test("PerformanceObserver", async () => {
  assert(PerformanceObserver.supportedEntryTypes.includes("mark"));
  assert(Object.isFrozen(PerformanceObserver.supportedEntryTypes));
  const names = await new Promise((resolve) => {
    const observer = new PerformanceObserver((list) => {
      observer.disconnect();
      resolve(list.getEntries().map(({ name }) => name));
    });
    observer.observe({ entryTypes: ["mark"] });
    performance.mark("seen");
    performance.measure("not seen");
  });
  assertEquals(names, ["seen"]);
  performance.clearMarks();
  performance.clearMeasures();
});
