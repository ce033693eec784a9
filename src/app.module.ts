import { Module, type OnModuleDestroy } from '@nestjs/common';
import { DelayModule } from './delay/delay.module.js';
import { Drain } from './drain/drain.js';
import { DrainModule } from './drain/drain.module.js';
import { EnvironmentModule } from './environment.js';
import { HealthModule } from './health/health.module.js';
import { InstanceModule } from './instance/instance.module.js';
import { LoggerModule } from './logger.js';
import { MetricsModule } from './metrics/metrics.module.js';
import { PortBindingModule } from './port-binding/port-binding.module.js';
import { RequestLogModule } from './request-log/request-log.module.js';

@Module({
  imports: [
    EnvironmentModule,
    LoggerModule,
    PortBindingModule,
    DrainModule,
    HealthModule,
    InstanceModule,
    MetricsModule,
    RequestLogModule,
    DelayModule,
  ],
})
export class AppModule implements OnModuleDestroy {
  constructor(private readonly drain: Drain) {}

  /** Here, because Nest destroys the root module first: the others keep what requests need until all are answered. */
  async onModuleDestroy(): Promise<void> {
    await this.drain.run();
  }
}
