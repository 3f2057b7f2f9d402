#!/usr/bin/env node
// Images are decoded by a pool of threads whose number is read once, when it starts, and loading a module of the other kind starts it. This
// one runs before.
import os = require("node:os");

process.env["UV_THREADPOOL_SIZE"] ??= String(Math.max(4, os.availableParallelism()));
import("./main.js");
