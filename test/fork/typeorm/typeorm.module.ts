import { Body, Controller, Get, Injectable, Module, Post } from '@nestjs/common';
import { ConfigService } from '@nestjs/config';
import { TerminusModule, TypeOrmHealthIndicator } from '@nestjs/terminus';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { Column, Entity, PrimaryGeneratedColumn, Repository } from 'typeorm';
import type { Environment } from '../environment.js';

@Entity('orders')
class Order {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column('text')
  title!: string;
}

@Injectable()
export class DatabaseHealth {
  constructor(private readonly typeOrm: TypeOrmHealthIndicator) {}

  check() {
    return this.typeOrm.pingCheck('database', { timeout: 1000 });
  }
}

@Controller('orders')
class OrdersController {
  constructor(@InjectRepository(Order) private readonly orders: Repository<Order>) {}

  @Post()
  add(@Body() { title }: { title: string }) {
    return this.orders.save({ title });
  }

  @Get()
  all() {
    return this.orders.find();
  }

  @Get('slowly')
  async slowly() {
    await this.orders.query('select pg_sleep(1)');
    return this.all();
  }
}

@Module({
  imports: [
    TerminusModule,
    TypeOrmModule.forRootAsync({
      inject: [ConfigService],
      useFactory: (config: ConfigService<Environment, true>) => ({
        type: 'postgres',
        url: config.get('DATABASE_URL', { infer: true }),
        autoLoadEntities: true,
        synchronize: true,
      }),
    }),
    TypeOrmModule.forFeature([Order]),
  ],
  providers: [DatabaseHealth],
  controllers: [OrdersController],
  exports: [DatabaseHealth],
})
export class TypeormModule {}
