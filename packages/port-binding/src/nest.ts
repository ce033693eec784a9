import type { AddressInfo } from 'node:net';
import { type INestApplication, Injectable, Logger, Module, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost, ModulesContainer } from '@nestjs/core';
import { Connections } from './connections/connections.js';
import { Drain, PHASES } from './drain/drain.js';
import { type ServeOptions, serveWith } from './serve.js';

export { type PlatformHandler, PlatformModule, PlatformRoutes, json } from './platform-routes.js';
export { Connections, Drain, PHASES };

/** The bound address. */
@Injectable()
export class PortBinding {
  private bound: AddressInfo | undefined;

  constructor(private readonly adapterHost: HttpAdapterHost) {}

  /** The address of the listening socket, never the requested port. */
  get address(): AddressInfo {
    // A test may listen without `serve()`.
    return this.bound ?? (this.adapterHost.httpAdapter.getHttpServer().address() as AddressInfo);
  }

  /** Kept, because a socket that is closed has no address, and its last requests may ask for it. */
  set address(address: AddressInfo) {
    this.bound = address;
  }
}

/**
 * Makes `PortBinding`, `Drain` and `Connections` available to modules that import it. When the application closes, the last
 * response is out before any other module is destroyed.
 */
@Module({
  providers: [
    PortBinding,
    { provide: Connections, useFactory: () => new Connections() },
    { provide: Drain, useFactory: (connections: Connections) => new Drain(connections), inject: [Connections] },
  ],
  exports: [PortBinding, Drain, Connections],
})
export class PortBindingModule implements OnModuleDestroy {
  constructor(
    private readonly drain: Drain,
    modules: ModulesContainer,
  ) {
    // Nest destroys modules in the order of their distance from the root module, which has 0. This one comes first, because
    // requests may need all others, such as a database.
    for (const module of modules.values()) if (module.metatype === PortBindingModule) module.distance = -1;
  }

  async onModuleDestroy(): Promise<void> {
    await this.drain.run();
  }
}

/**
 * Initialises an application with `PortBindingModule` and serves it: see `serve` of `port-binding`. At its end, all of
 * Nest's shutdown hooks run after the last response.
 */
export async function serve(app: INestApplication, options: Omit<ServeOptions, 'close'>): Promise<AddressInfo> {
  const portBinding = app.get(PortBinding);
  await app.init();
  await readyOf(app);
  // Nest's own listeners, of enableShutdownHooks(), would close the application at once.
  (app as unknown as { unsubscribeFromProcessSignals(): void }).unsubscribeFromProcessSignals();
  portBinding.address = await serveWith(app.get(Connections), app.get(Drain), app.getHttpServer(), {
    logger: new Logger(PortBinding.name),
    ...options,
    close: () => app.close(),
  });
  return portBinding.address;
}

/** Fastify routes requests once it is ready, which its own `listen()` would wait for. */
async function readyOf(app: INestApplication): Promise<void> {
  const adapter = app.getHttpAdapter();
  if (adapter.getType() === 'fastify') await (adapter.getInstance() as { ready(): PromiseLike<unknown> }).ready();
}
