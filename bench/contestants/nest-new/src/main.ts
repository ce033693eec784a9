import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';
import { AppService } from './app.service.js';

async function bootstrap() {
  const app = await NestFactory.create(AppModule);
  await app.listen(process.env.PORT ?? 3000);

  const { port } = app.getHttpServer().address();
  app.get(AppService).port = port;
  console.log(`Listening on port ${port}`);
}
await bootstrap();
