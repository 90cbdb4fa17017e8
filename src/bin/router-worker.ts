/** One worker of the SQL router; `router.ts` starts it and tells it everything over its channel. */
import { processLog } from '#src/router/process-log.ts';
import { WorkerProcess } from '#src/router/workers/worker-process.ts';

new WorkerProcess(processLog());
