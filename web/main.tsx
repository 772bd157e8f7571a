// The page of debugtap: a live board, or a trace in a browser. Begins here.
import { render } from "preact";
import { App } from "./app.tsx";
import { start } from "./state.ts";
import { startTheme } from "./theme.ts";
import "./style.css";

startTheme();
start();
const page = document.getElementById("page");
if (page !== null) render(<App />, page);
