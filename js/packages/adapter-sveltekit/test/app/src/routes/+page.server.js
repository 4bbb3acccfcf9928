import { evaluated } from "#lib/trace.js";

evaluated("page");

export const load = ({ platform }) => ({ keys: Object.keys(platform).sort().join(" ") });

export const actions = {
  default: async ({ request }) => ({ name: (await request.formData()).get("name") }),
};
