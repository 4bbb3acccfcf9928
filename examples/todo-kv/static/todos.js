/** The page's side of the to-do list: it shows what the API answers, and keeps nothing itself. */

const list = document.querySelector("#todos");
const form = document.querySelector("#new");
const problem = document.querySelector("#problem");
const status = document.querySelector("#status");
const more = document.querySelector("#more");
const template = document.querySelector("#todo");

const PAGE = 50;
let cursor;

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const text = new FormData(form).get("text");
  attempt(async () => {
    list.prepend(item(await call("POST", "/api/todos", { text })));
    form.reset();
  });
});

more.addEventListener("click", () => attempt(showPage));
attempt(showPage);

/** Adds the next page of to-dos. */
async function showPage() {
  const query = new URLSearchParams({ limit: PAGE, ...(cursor && { cursor }) });
  const page = await call("GET", `/api/todos?${query}`);
  cursor = page.cursor;
  more.hidden = !cursor;
  list.append(...page.todos.map(item));
}

/** The list item of a to-do. */
function item(todo) {
  const element = template.content.cloneNode(true).querySelector("li");
  const checkbox = element.querySelector("input");
  const remove = element.querySelector("button");
  const path = `/api/todos/${todo.id}`;

  element.querySelector("span").textContent = todo.text;
  checkbox.checked = todo.done;
  remove.setAttribute("aria-label", `Delete “${todo.text}”`);

  checkbox.addEventListener("change", () => {
    const wanted = checkbox.checked;
    // Until the API has agreed, the old state is the true one.
    checkbox.checked = !wanted;
    attempt(async () => {
      ({ done: checkbox.checked } = await call("PATCH", path, { done: wanted }));
    });
  });
  remove.addEventListener("click", () => {
    attempt(async () => {
      await call("DELETE", path);
      element.remove();
      form.elements.text.focus();
    });
  });
  return element;
}

/** Runs an action and shows how it went. */
async function attempt(action) {
  problem.textContent = "";
  try {
    await action();
  } catch (error) {
    problem.textContent = error.message;
  }
  const left = list.querySelectorAll("input:not(:checked)").length;
  status.textContent = `${left} of ${list.children.length} shown still to be done`;
}

/** Calls the API; what it refuses becomes an Error. */
async function call(method, path, body) {
  const headers = { "content-type": "application/json" };
  const response = await fetch(path, {
    method,
    ...(body && { headers, body: JSON.stringify(body) }),
  });
  if (response.status === 204) return undefined;
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error.message);
  return answer;
}
