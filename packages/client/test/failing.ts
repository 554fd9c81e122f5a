import * as assert from 'uvu/assert'
import { TallymeshClientError } from '../src/index.js'

/** The TallymeshClientError that the promise is rejected with. */
export async function failure(promise: Promise<unknown>): Promise<TallymeshClientError> {
  let value: unknown
  try {
    value = await promise
  } catch (error) {
    if (error instanceof TallymeshClientError) return error
    throw error
  }
  throw new Error(`expected a failure, got ${JSON.stringify(value)}`)
}

/** Asserts that the promise is rejected with a TallymeshClientError of this code; answers it. */
export async function failsWith(promise: Promise<unknown>, code: string): Promise<TallymeshClientError> {
  const error = await failure(promise)
  assert.is(error.code, code, error.message)
  return error
}

/** The same for a call that throws. */
export function throwsCode(act: () => unknown, code: string): TallymeshClientError {
  try {
    act()
  } catch (error) {
    if (!(error instanceof TallymeshClientError)) throw error
    assert.is(error.code, code, error.message)
    return error
  }
  throw new Error(`expected ${code}, nothing was thrown`)
}
