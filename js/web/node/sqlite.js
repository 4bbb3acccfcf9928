// `node:sqlite`, in name only.

import { absent } from "ext:orilla_web/node/internal/absent.js";

const [names, module] = absent(
  "sqlite",
  "an app has no file system; use the database of @orilla/platform",
);

export const { DatabaseSync, StatementSync, backup } = names;
export const constants = Object.freeze({
  SQLITE_CHANGESET_OMIT: 0,
  SQLITE_CHANGESET_REPLACE: 1,
  SQLITE_CHANGESET_ABORT: 2,
  SQLITE_CHANGESET_DATA: 1,
  SQLITE_CHANGESET_NOTFOUND: 2,
  SQLITE_CHANGESET_CONFLICT: 3,
  SQLITE_CHANGESET_CONSTRAINT: 4,
  SQLITE_CHANGESET_FOREIGN_KEY: 5,
});

export default Object.assign(module, { constants });
