/**
 * A to-do list over HTTP. Each to-do is one JSON string in the `demo` namespace of the key-value store.
 */

import { getPlatform } from "@orilla/platform";

const MAX_TEXT_LENGTH = 500;
const MAX_PAGE = 1000;

const { KV } = getPlatform();
const routes = { GET: list, POST: create, PATCH: change, DELETE: remove };

export default {
  async fetch(request) {
    try {
      return await answer(request);
    } catch (error) {
      if (error instanceof BadRequest) return problem(error.status, error.code, error.message);
      if (error.code === "KV_CURSOR_INVALID") return problem(400, error.code, error.message);
      throw error;
    }
  },
};

/** A request that this API does not take. */
class BadRequest extends Error {
  constructor(status, code, message) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

function answer(request) {
  const url = new URL(request.url);
  const [, id] = /^\/api\/todos(?:\/([0-9a-f]{8}))?$/.exec(url.pathname) ?? [];
  const isList = url.pathname === "/api/todos";
  if (!isList && !id) throw new BadRequest(404, "NOT_FOUND", `there is nothing at ${url.pathname}`);

  const allowed = isList ? ["GET", "POST"] : ["PATCH", "DELETE"];
  if (!allowed.includes(request.method)) {
    const message = `${request.method} is not for ${url.pathname}; use ${allowed.join(" or ")}`;
    return problem(405, "METHOD_NOT_ALLOWED", message, { allow: allowed.join(", ") });
  }
  return routes[request.method](request, isList ? url.searchParams : id);
}

async function list(_request, query) {
  const limit = Number(query.get("limit") ?? MAX_PAGE);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_PAGE) {
    throw new BadRequest(400, "BAD_LIMIT", `limit is a whole number from 1 to ${MAX_PAGE}`);
  }
  const cursor = query.get("cursor") ?? undefined;
  const page = await KV.demo.list({ prefix: "todo:", limit, cursor });
  const found = await Promise.all(page.keys.map(({ name }) => KV.demo.get(name)));
  // A to-do may have been deleted since its key was listed.
  const todos = found.filter((todo) => todo !== null).map((todo) => JSON.parse(todo));
  todos.sort((a, b) => b.createdAt.localeCompare(a.createdAt));
  return Response.json({ todos, count: todos.length, cursor: page.cursor });
}

async function create(request) {
  const { text } = await readJson(request);
  const id = crypto.randomUUID().slice(0, 8);
  const createdAt = new Date().toISOString();
  const todo = { id, text: checkedText(text), done: false, createdAt };
  await store(todo);
  return Response.json(todo, { status: 201 });
}

async function change(request, id) {
  const todo = await find(id);
  const { text = todo.text, done = todo.done } = await readJson(request, { done: !todo.done });
  if (typeof done !== "boolean") throw new BadRequest(400, "BAD_DONE", "done is true or false");
  const changed = { ...todo, text: checkedText(text), done };
  await store(changed);
  return Response.json(changed);
}

async function remove(_request, id) {
  await find(id);
  await KV.demo.delete(`todo:${id}`);
  return new Response(null, { status: 204 });
}

async function find(id) {
  const todo = await KV.demo.get(`todo:${id}`);
  if (todo === null) throw new BadRequest(404, "TODO_NOT_FOUND", `there is no to-do ${id}`);
  return JSON.parse(todo);
}

function store(todo) {
  return KV.demo.put(`todo:${todo.id}`, JSON.stringify(todo));
}

/** The request's JSON object; `empty` if it has no body. */
async function readJson(request, empty) {
  const text = await request.text();
  if (text === "" && empty) return empty;
  const body = parse(text);
  if (typeof body !== "object" || body === null || Array.isArray(body)) {
    throw new BadRequest(400, "BAD_JSON", 'the body is a JSON object such as {"text":"Buy milk"}');
  }
  return body;
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function checkedText(text) {
  const trimmed = typeof text === "string" ? text.trim() : "";
  if (trimmed === "" || trimmed.length > MAX_TEXT_LENGTH) {
    throw new BadRequest(400, "BAD_TEXT", `text has 1 to ${MAX_TEXT_LENGTH} characters`);
  }
  return trimmed;
}

function problem(status, code, message, headers) {
  return Response.json({ error: { code, message } }, { status, headers });
}
