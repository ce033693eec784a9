import { Injectable, Module, type OnApplicationShutdown } from '@nestjs/common';

/** A connection pool, say, that waits for a database which is gone. */
@Injectable()
class StuckHook implements OnApplicationShutdown {
  onApplicationShutdown(): Promise<void> {
    return new Promise(() => undefined);
  }
}

@Module({ providers: [StuckHook] })
export class StuckHookModule {}
