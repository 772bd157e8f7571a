export { reset } from "./duplex.ts";
