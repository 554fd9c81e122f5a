import type { Target } from './target.js'
import { batch } from './targets/batch.js'
import { door } from './targets/door.js'
import { frame } from './targets/frame.js'
import { hello } from './targets/hello.js'
import { http } from './targets/http.js'
import { importFile } from './targets/import.js'
import { key } from './targets/key.js'
import { logUpdate } from './targets/log-update.js'
import { marker } from './targets/marker.js'
import { mesh } from './targets/mesh.js'
import { message } from './targets/message.js'
import { position } from './targets/position.js'
import { refusal } from './targets/refusal.js'
import { replica } from './targets/replica.js'
import { replicaLog } from './targets/replica-log.js'
import { storedLog } from './targets/stored-log.js'
import { token } from './targets/token.js'
import { upgrade } from './targets/upgrade.js'
import { witness } from './targets/witness.js'

/** Everything that bytes from outside reach. */
export const TARGETS: readonly Target[] = [
  ...[batch, logUpdate, replicaLog, storedLog],
  ...[frame, hello, refusal, message, replica, mesh],
  ...[door, upgrade, token, key, position, http, importFile],
  ...[witness, marker],
]
