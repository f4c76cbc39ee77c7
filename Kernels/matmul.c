// c = a b for square matrices, one work-group per tile of c; tiles of a and b go through group memory.
// A code object: see docs/softgpu.md.
#include "understudy_softgpu.h"

#define TILE 64
#define LANES 8

// Group memory is aligned to 16 bytes, so no more is promised.
typedef float vector __attribute__((vector_size(4 * LANES), aligned(16), may_alias));

struct arguments {
    const float *a;
    const float *b;
    float *c;
    uint64_t size; // a multiple of TILE
};

void matmul(const void *pointer, const struct softgpu_group *group) {
    const struct arguments *arguments = pointer;
    uint64_t size = arguments->size;
    uint64_t row = (uint64_t)group->id[1] * TILE;
    uint64_t column = (uint64_t)group->id[0] * TILE;
    float(*restrict tile_b)[TILE] = group->memory;
    float(*restrict sum)[TILE] = tile_b + TILE;
    for (int i = 0; i < TILE; i++) {
        for (int j = 0; j < TILE; j++) {
            sum[i][j] = 0;
        }
    }
    for (uint64_t k = 0; k < size; k += TILE) {
        for (int i = 0; i < TILE; i++) {
            for (int j = 0; j < TILE; j++) {
                tile_b[i][j] = arguments->b[(k + i) * size + column + j];
            }
        }
        for (int i = 0; i < TILE; i += 4) {
            for (int j = 0; j < TILE; j += 2 * LANES) {
                vector block[4][2];
                for (int u = 0; u < 4; u++) {
                    block[u][0] = *(const vector *)&sum[i + u][j];
                    block[u][1] = *(const vector *)&sum[i + u][j + LANES];
                }
                for (int l = 0; l < TILE; l++) {
                    vector b0 = *(const vector *)&tile_b[l][j];
                    vector b1 = *(const vector *)&tile_b[l][j + LANES];
                    for (int u = 0; u < 4; u++) {
                        float a = arguments->a[(row + i + u) * size + k + l];
                        block[u][0] += a * b0;
                        block[u][1] += a * b1;
                    }
                }
                for (int u = 0; u < 4; u++) {
                    *(vector *)&sum[i + u][j] = block[u][0];
                    *(vector *)&sum[i + u][j + LANES] = block[u][1];
                }
            }
        }
    }
    for (int i = 0; i < TILE; i++) {
        for (int j = 0; j < TILE; j++) {
            arguments->c[(row + i) * size + column + j] = sum[i][j];
        }
    }
}
