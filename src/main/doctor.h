/* The findings of `lagoon doctor`: what was looked at, how it is, and what to do. Owned by the
 * verb. */
#ifndef LG_MAIN_DOCTOR_H
#define LG_MAIN_DOCTOR_H

#include "admin/wait.h"
#include "base/vec.h"
#include "lane/disk.h"

enum lg_finding_status { LG_FINDING_OK, LG_FINDING_WARN, LG_FINDING_FAIL };

struct lg_finding {
    enum lg_finding_status status;
    char *check, *detail; /* owned */
};

struct lg_doctor {
    LG_VEC(struct lg_finding) findings;
    const char *data; /* the data directory; NULL: none was named */
    struct lg_waiter waiter;
};

void lg_doctor_find(struct lg_doctor *d, enum lg_finding_status status, const char *check,
                    const char *fmt, ...) LG_PRINTF(4, 5);
void lg_doctor_done(struct lg_doctor *d);

/* Memory, files, disk: what a process on this machine may have. */
void lg_doctor_machine(struct lg_doctor *d);
/* Reads everything in a data directory that nobody uses and compares every checksum: metadata, log,
 * checkpoints, replicas. Opens what it reads as a start would: the end of a write that was cut off
 * by a crash is dropped. */
void lg_doctor_data(struct lg_doctor *d, struct lg_disk *disk);

#endif
