#!/usr/bin/env node
// Not in dist/, because npm links only what is there when it installs, and a clone is built later.
import './dist/esm/check/cli.js';
