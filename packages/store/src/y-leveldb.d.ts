/** What tallymesh uses of y-leveldb, which ships no types for ES modules. */
declare module 'y-leveldb' {
  export const keyEncoding: {
    encode(key: readonly (string | number)[]): Buffer
    decode(bytes: Uint8Array): (string | number)[]
  }

  export class LeveldbPersistence {
    constructor(
      location: string,
      options: { Level: new (location: string, options: object) => unknown; levelOptions?: object },
    )

    /** Runs `f` after every earlier transaction. Whatever `f` throws is warned of on the console and becomes null. */
    _transact<T>(f: (db: unknown) => Promise<T>): Promise<T | null>
  }
}
