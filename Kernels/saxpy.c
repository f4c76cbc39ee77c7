// y = a x + y, one work-group per block of elements. A code object: see docs/softgpu.md.
#include "understudy_softgpu.h"

struct arguments {
    const float *x;
    float *y;
    uint64_t count;
    float a;
};

void saxpy(const void *pointer, const struct softgpu_group *group) {
    const struct arguments *arguments = pointer;
    uint64_t block = (arguments->count + group->groups[0] - 1) / group->groups[0];
    uint64_t start = group->id[0] * block;
    uint64_t end = start + block < arguments->count ? start + block : arguments->count;
    const float *restrict x = arguments->x;
    float *restrict y = arguments->y;
    float a = arguments->a;
    for (uint64_t i = start; i < end; i++) {
        y[i] = a * x[i] + y[i];
    }
}
