import { join } from 'node:path';
import { Module } from '@nestjs/common';
import { ServeStaticModule } from '@nestjs/serve-static';

@Module({
  imports: [ServeStaticModule.forRoot({ rootPath: join(import.meta.dirname, 'public'), serveRoot: '/static' })],
})
export class StaticModule {}
