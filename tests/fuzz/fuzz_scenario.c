/* SPDX-License-Identifier: MIT
 * A scenario file from any bytes: either a mistake with a place, or a scenario that has what running it needs, and a set
 * that comes back from its packed form with the same hash. */
#include "tests/fuzz/fuzz.h"

#include <string.h>

#include "executor/scenario_set.h"

static void check(const struct scenario_set *set)
{
    struct error err = {0};
    struct buf out;
    buf_init(&out, 8 * 1024 * 1024);
    MUST(scenario_set_pack(set, &out, &err) == 0);
    struct scenario_set *again = scenario_set_unpack(out.data, out.bytes, NULL, &err);
    MUST(again);
    MUST(strcmp(scenario_set_hash(again), scenario_set_hash(set)) == 0);
    MUST(scenario_set_count(again) == scenario_set_count(set));
    for (int i = 0; i < scenario_set_count(set); i++) {
        const struct scenario *one = scenario_set_at(set, i);
        MUST(one && one->index == i && one->steps_count > 0 && one->give_up_after_ms >= 0);
        MUST(scenario_set_find(set, one->name) == one);
    }
    scenario_set_free(again);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    struct diag *d = diag_new();
    struct pack *files = pack_new(4 * 1024 * 1024);
    struct error err = {0};
    MUST(d && files);
    if (pack_add(files, "disk-full.yaml", data, bytes, &err) == 0) {
        struct scenario_set *set = scenario_set_from_pack(files, NULL, d);
        fuzz_check_diag(d, set == NULL);
        if (set)
            check(set);
        scenario_set_free(set);
    }
    pack_free(files);
    diag_free(d);
    return 0;
}
