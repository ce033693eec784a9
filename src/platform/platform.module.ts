import { Module } from '@nestjs/common';
import { PlatformRoutes } from './platform-routes.js';

@Module({ providers: [PlatformRoutes], exports: [PlatformRoutes] })
export class PlatformModule {}
