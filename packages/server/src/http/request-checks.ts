import makePool from '@fastify/ajv-compiler'
import type { FastifyServerOptions } from 'fastify'

/** What is wrong is refused, never mended: an amount that is a text, or an unknown field, is a mistake of the caller. */
const OPTIONS = { coerceTypes: false, removeAdditional: false, useDefaults: false, allErrors: false } as const

type Compilers = NonNullable<NonNullable<FastifyServerOptions['schemaController']>['compilersFactory']>
type Compile = (route: { readonly schema: object }) => object

const compile = makePool()({}, { customOptions: OPTIONS }) as unknown as Compile
/** Each schema is compiled once in a process, however many servers run in it: that is half of the work to open one more. */
const compiled = new WeakMap<object, object>()

/** How the server checks requests. All is compiled before it listens: a first request that waited for that would stall those that
 *  come with it. Answers are made by this package, and are not checked. */
export const COMPILERS: Compilers = {
  buildValidator: (() => checkOf) as unknown as NonNullable<Compilers['buildValidator']>,
  buildSerializer: () => () => JSON.stringify,
}

function checkOf({ schema }: { readonly schema: object }): object {
  let check = compiled.get(schema)
  if (!check) compiled.set(schema, (check = compile({ schema })))
  return check
}
