// DOMException and QuotaExceededError.
import { assert, assertEquals, test } from "./harness.js";

test("name, message and code", () => {
  const exception = new DOMException("m", "NotFoundError");
  assertEquals([exception.name, exception.message, exception.code], ["NotFoundError", "m", 8]);
  assertEquals(
    [new DOMException().name, new DOMException().message, new DOMException().code],
    ["Error", "", 0],
  );
  assertEquals(new DOMException("", "EncodingError").code, 0);
  assertEquals(String(exception), "NotFoundError: m");
});

test("it is an Error with a stack", () => {
  const exception = new DOMException("m");
  assert(exception instanceof Error);
  assertEquals(typeof exception.stack, "string");
  assertEquals(Object.prototype.toString.call(exception), "[object DOMException]");
  assert(Error.isError?.(exception) ?? true);
});

test("QuotaExceededError", () => {
  const error = new QuotaExceededError("m", { quota: 1, requested: 2 });
  assert(error instanceof DOMException);
  assertEquals(
    [error.name, error.code, error.quota, error.requested],
    ["QuotaExceededError", 22, 1, 2],
  );
  assertEquals([new QuotaExceededError().quota, new QuotaExceededError().requested], [null, null]);
});
