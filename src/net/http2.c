#include "net/http2.h"

const char *lg_h2_reason_name(enum lg_h2_reason r)
{
    static const char *const names[LG_H2_REASONS] = {
#define X(name, preset, per_second, text) #name,
#include "net/h2_limits.def"
#undef X
    };

    return names[r];
}

const char *lg_h2_error_name(uint32_t code)
{
    static const char *const names[] = {"NO_ERROR",
                                        "PROTOCOL_ERROR",
                                        "INTERNAL_ERROR",
                                        "FLOW_CONTROL_ERROR",
                                        "SETTINGS_TIMEOUT",
                                        "STREAM_CLOSED",
                                        "FRAME_SIZE_ERROR",
                                        "REFUSED_STREAM",
                                        "CANCEL",
                                        "COMPRESSION_ERROR",
                                        "CONNECT_ERROR",
                                        "ENHANCE_YOUR_CALM",
                                        "INADEQUATE_SECURITY",
                                        "HTTP_1_1_REQUIRED"};

    return code < LG_ARRAY_SIZE(names) ? names[code] : "UNKNOWN";
}
