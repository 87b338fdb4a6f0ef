// SPDX-License-Identifier: MIT
/* RE2::Set for match_peers.c: all patterns in one automaton, made state by state as titles need them. */
#include <re2/re2.h>
#include <re2/set.h>

#include <algorithm>
#include <vector>

static const long MEMORY_BYTES = 512L << 20; /* with its default, 8 MiB, it takes no 10,000 patterns */
static RE2::Set *set;

extern "C" int re2_load(char *const *patterns, const size_t *bytes, unsigned count)
{
    RE2::Options options;
    options.set_case_sensitive(false);
    options.set_max_mem(MEMORY_BYTES);
    set = new RE2::Set(options, RE2::UNANCHORED);
    for (unsigned i = 0; i < count; i++)
        if (set->Add(re2::StringPiece(patterns[i], bytes[i]), nullptr) < 0)
            return -1;
    return set->Compile() ? 0 : -1;
}

/* The first pattern in their order; -1: none; -2: its memory did not suffice. */
extern "C" int re2_match(const char *title, size_t bytes)
{
    static std::vector<int> found;
    RE2::Set::ErrorInfo why = {RE2::Set::kNoError};
    if (set->Match(re2::StringPiece(title, bytes), &found, &why))
        return *std::min_element(found.begin(), found.end());
    return why.kind == RE2::Set::kNoError ? -1 : -2;
}
