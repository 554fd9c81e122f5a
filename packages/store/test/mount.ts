import { execFileSync } from 'node:child_process'

/** Runs `body` if this machine allows what it needs; otherwise says so, and fails where everything is required. */
export async function whenPossible(what: string, attempt: () => void, body: () => Promise<void>): Promise<void> {
  try {
    attempt()
  } catch (error) {
    const reason = (error as Error).message.split('\n')[0]
    if (process.env.REQUIRE_ALL === '1') throw new Error(`${what} cannot be tested here: ${reason}`)
    console.log(`SKIP: ${what}: ${reason}`)
    return
  }
  await body()
}

export function run(command: string, ...args: string[]): void {
  execFileSync(command, args, { stdio: 'pipe' })
}
