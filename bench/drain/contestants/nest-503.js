import { startNest } from '../nest-terminus.js';

await startNest({ return503OnClosing: true });
