export { type BoundsOptions, applyBounds } from './overload/bounds.js';
export type { DrainOptions } from './drain/drain.js';
export { isHost, isMulticast } from './host.js';
export { type ListenOptions, listen } from './listen.js';
export { originForm } from './origin-form.js';
export { parsePort } from './port.js';
export { type ServeOptions, type Service, serve } from './serve.js';
export { StartupError } from './startup-error.js';
