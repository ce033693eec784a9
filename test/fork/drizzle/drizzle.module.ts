import { Body, Controller, Get, Injectable, Module, type OnModuleDestroy, Post } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { HealthIndicatorService, TerminusModule } from '@nestjs/terminus';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/node-postgres';
import { pgTable, serial, text } from 'drizzle-orm/pg-core';
import pg from 'pg';
import type { Environment } from '../environment.js';

const orders = pgTable('orders', { id: serial().primaryKey(), title: text().notNull() });

@Injectable()
class Database implements OnModuleDestroy {
  readonly orm;
  private readonly pool: pg.Pool;

  constructor(config: ConfigService<Environment, true>) {
    const connectionString = config.get('DATABASE_URL', { infer: true });
    this.pool = new pg.Pool({ connectionString, connectionTimeoutMillis: 1000 });
    this.pool.on('error', () => {}); // an idle connection that breaks: without a listener that ends the process
    this.orm = drizzle(this.pool);
  }

  async onModuleDestroy(): Promise<void> {
    await this.pool.end();
  }
}

@Injectable()
export class DatabaseHealth {
  constructor(
    private readonly indicator: HealthIndicatorService,
    private readonly database: Database,
  ) {}

  async check() {
    const indicator = this.indicator.check('database');
    try {
      await this.database.orm.execute(sql`select 1`);
      return indicator.up();
    } catch {
      return indicator.down('unreachable');
    }
  }
}

@Controller('orders')
class OrdersController {
  constructor(private readonly database: Database) {}

  @Post()
  async add(@Body() { title }: { title: string }) {
    await this.database.orm.execute(
      sql`create table if not exists orders (id serial primary key, title text not null)`,
    );
    return (await this.database.orm.insert(orders).values({ title }).returning())[0];
  }

  @Get()
  all() {
    return this.database.orm.select().from(orders);
  }

  @Get('slowly')
  async slowly() {
    await this.database.orm.execute(sql`select pg_sleep(1)`);
    return this.all();
  }
}

@Module({
  imports: [TerminusModule],
  providers: [Database, DatabaseHealth],
  controllers: [OrdersController],
  exports: [DatabaseHealth],
})
export class DrizzleModule {}
