import { ApolloDriver, type ApolloDriverConfig } from '@nestjs/apollo';
import { Module } from '@nestjs/common';
import { Args, Field, GraphQLModule, Int, ObjectType, Query, Resolver } from '@nestjs/graphql';

@ObjectType()
class Author {
  @Field(() => Int)
  id: number;

  @Field()
  name: string;
}

@Resolver(() => Author)
class AuthorsResolver {
  @Query(() => Author)
  author(@Args('id', { type: () => Int }) id: number): Author {
    return { id, name: 'Ada' };
  }
}

@Module({
  imports: [GraphQLModule.forRoot<ApolloDriverConfig>({ driver: ApolloDriver, autoSchemaFile: true })],
  providers: [AuthorsResolver],
})
export class GraphqlModule {}
