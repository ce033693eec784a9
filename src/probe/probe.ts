/** The HEALTHCHECK of the image: ends with status 0 when the service is ready. */
import { probe } from 'port-binding/probe';
import { READY } from '../health/paths.js';

void probe(READY).then((ready) => process.exit(ready ? 0 : 1));
