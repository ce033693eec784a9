import { startNest } from '../nest-terminus.js';

await startNest({});
