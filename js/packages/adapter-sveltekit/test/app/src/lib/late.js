import { evaluated } from "./trace.js";

evaluated("imported by the app itself");

export const text = "late";
