/* Settings of a store as text: the table settings.def as data, and the two directions between text
 * and struct lg_store. Pure.
 */
#ifndef LG_MODEL_SETTING_H
#define LG_MODEL_SETTING_H

#include "base/buf.h"
#include "model/store.h"

enum lg_setting_type {
    LG_SETTING_boolean,
    LG_SETTING_i32,
    LG_SETTING_i64,
    LG_SETTING_bytes,
    LG_SETTING_time,
    LG_SETTING_compression,
    LG_SETTING_protocols,
    LG_SETTING_text,
};
enum lg_setting_when { LG_SETTING_NOW, LG_SETTING_NEXT_PUSH };

struct lg_setting { /* a row of settings.def */
    const char *name, *parameter;
    size_t offset;
    enum lg_setting_type type;
    int64_t min, max; /* of a text: of its bytes */
    const char *word;
    enum lg_setting_when when;
    const char *help;
};

extern const struct lg_setting lg_settings[];
extern const size_t lg_settings_count;

/* By name or by Venice's parameter; '_' and '-' are the same in a name. NULL when there is none. */
const struct lg_setting *lg_setting_find(const char *name);
/* Sets it. LG_ERR_INVALID says what it may be; the store is then as before. A time or a size may
 * bear a unit; a bare number is in milliseconds or bytes, as Venice's clients send it. */
LG_MUST_CHECK enum lg_rc lg_setting_set(const struct lg_setting *setting, struct lg_store *s,
                                        const char *text, struct lg_error *err);
/* Its value, as lg_setting_set reads it. */
void lg_setting_text(const struct lg_setting *setting, const struct lg_store *s,
                     struct lg_buf *out);
/* What it may be: "true or false", "a number from 1 to 16". */
void lg_setting_range(const struct lg_setting *setting, struct lg_buf *out);

#endif
