import { testAdapter } from "./adapter.js";

testAdapter(3);
