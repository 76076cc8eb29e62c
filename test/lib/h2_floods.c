#include "test/lib/h2_floods.h"

#define TEN(x) x x x x x x x x x x
/* A field of 133 bytes into the table, then a hundred of it in each head. */
#define BOMB "x1 (H 5 ? @get 40 01 78 64" TEN(TEN("61")) ")"
#define BOMBS BOMB "; x1100 (H 5 ? @get " TEN(TEN("be")) ")"

/* What a peer may do a thousand times, it does some more. */
const struct h2_flood h2_floods[H2_FLOODS] = {
    {"rapid reset (CVE-2023-44487)", "x2000 (H 4 ? @post; R 0 ? 00000008)", LG_H2_OVER_resets, 1001,
     0, 0},
    {"rapid reset of what is being answered", "x2000 (H 5 ? @get; R 0 ? 00000008)",
     LG_H2_OVER_resets, 1400, 1400, 0},
    {"resets that we are made to send (CVE-2025-8671): a window too wide",
     "x2000 (H 4 ? @post; W 0 ? 7fffffff)", LG_H2_OVER_resets, 1001, 0, 0},
    {"resets that we are made to send: malformed requests", "x2000 (H 5 ? {:method=GET})",
     LG_H2_OVER_resets, 0, 0, 0},
    {"resets that we are made to send: a body too long",
     "x2000 (H 4 ? {:method=POST :scheme=http :authority=a :path=/ content-length=1}; D 1 ? 6161)",
     LG_H2_OVER_resets, 1001, 0, 0},
    {"requests beyond the concurrent ones", "x2000 (H 4 ? @post)", LG_H2_OVER_resets, 256, 0, 0},
    {"requests beyond the concurrent ones, of which it knows", "S 1 0; x2000 (H 4 ? @post)",
     LG_H2_OVER_resets, 256, 0, LG_H2_PROTOCOL_ERROR},
    {"empty CONTINUATION (CVE-2024-27316)", "H 1 1 @get; x100 (C 0 1)", LG_H2_OVER_continuations, 0,
     0, 0},
    {"CONTINUATION of a head that nobody wants", "H 4 1 {:method=GET}; H 1 1; x100 (C 0 1)",
     LG_H2_OVER_continuations, 0, 0, 0},
    {"a head without an end", "H 1 1 z16000; C 0 1 z16000", LG_H2_OVER_header_block_bytes, 0, 0, 0},
    {"PING (CVE-2019-9512)", "x1100 (P 0 0 z8)", LG_H2_OVER_pings, 0, 0, 0},
    {"SETTINGS (CVE-2019-9515)", "x110 (S 0 0 000300000064)", LG_H2_OVER_settings, 0, 0, 0},
    {"one SETTINGS with many entries", "S 0 0 z600", LG_H2_OVER_settings, 0, 0,
     LG_H2_ENHANCE_YOUR_CALM},
    {"empty DATA (CVE-2019-9518)", "H 4 1 @post; x1100 (D 0 1)", LG_H2_OVER_empty_data, 1, 0, 0},
    {"empty DATA that nobody wants", "H 4 1 {:method=GET}; x1100 (D 0 1)", LG_H2_OVER_empty_data, 0,
     0, 0},
    {"WINDOW_UPDATE of 1", "x1100 (W 0 0 00000001)", LG_H2_OVER_small_windows, 0, 0, 0},
    {"PRIORITY (CVE-2019-9513)", "x11000 (Y 0 3 0000000010)", LG_H2_OVER_idle_frames, 0, 0, 0},
    {"frames of unknown types", "x11000 (f0 0 0)", LG_H2_OVER_idle_frames, 0, 0, 0},
    {"WINDOW_UPDATE without need", "x11000 (W 0 0 00000010)", LG_H2_OVER_idle_frames, 0, 0, 0},
    {"PING ACK that nobody asked for", "x11000 (P 1 0 z8)", LG_H2_OVER_idle_frames, 0, 0, 0},
    {"heads of 110 bytes that unpack to 13,000", BOMBS, LG_H2_OVER_resets, 1, 1, 0},
};
