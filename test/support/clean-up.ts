import { afterAll } from '@jest/globals';
import { cleanUp } from './service.js';

afterAll(cleanUp);
