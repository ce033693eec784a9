import { installed } from '../balancers/balancer.js';

/** Debian's, or the one that Google distributes. */
export const CHROMIUM = installed('chromium') ?? installed('google-chrome');
