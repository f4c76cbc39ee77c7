/*
 * What plain C does with the work of four example kernels, on all cores: the baseline for benchmarks of the compiler.
 *
 *     clang -O3 -march=native -pthread Benchmarks/baselines.c -lm -o baselines
 *     ./baselines [THREADS]
 *
 * One line per kernel: its sizes, the median and the least time of a run in milliseconds, the rate, and the sum of the
 * results, which is printed so that no loop can be left out. Threads are made once, and each takes one part of the rows
 * or elements at a time from a shared counter, so that uneven work is shared as a GPU's groups are.
 */
#define _GNU_SOURCE
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    RUNS = 15,
    MAXIMUM_THREADS = 256,
    SAXPY_COUNT = 1 << 25, /* twice 128 MiB: larger than any cache */
    MATRIX = 768,
    BODIES = 8192,
    PLANE = 1024,
    STEP_LIMIT = 256,
};

/* Does parts [from, to) of a kernel's work. */
typedef void part_function(size_t from, size_t to);

static int thread_count;
static pthread_barrier_t start, end;
static part_function *current; /* NULL ends the threads */
static size_t part_count, part_step;
static atomic_size_t next_part;

static void take_parts(void) {
    size_t from;
    while ((from = atomic_fetch_add(&next_part, part_step)) < part_count) {
        size_t to = from + part_step;
        current(from, to < part_count ? to : part_count);
    }
}

static void *work(void *unused) {
    for (;;) {
        pthread_barrier_wait(&start);
        if (!current)
            return unused;
        take_parts();
        pthread_barrier_wait(&end);
    }
}

static void run(part_function *function, size_t count, size_t step) {
    current = function;
    part_count = count;
    part_step = step;
    atomic_store(&next_part, 0);
    pthread_barrier_wait(&start);
    take_parts();
    pthread_barrier_wait(&end);
}

static float *x, *y;

static void saxpy(size_t from, size_t to) {
    float *restrict out = y;
    const float *restrict in = x;
    for (size_t i = from; i < to; i++)
        out[i] = 0.5f * in[i] + out[i];
}

static float *a, *b, *c;

/* The order of the loops lets the innermost one go along rows, and be vectorised. */
static void sgemm(size_t from, size_t to) {
    for (size_t row = from; row < to; row++) {
        float *restrict out = c + row * MATRIX;
        memset(out, 0, MATRIX * sizeof *out);
        for (size_t i = 0; i < MATRIX; i++) {
            float factor = a[row * MATRIX + i];
            const float *restrict in = b + i * MATRIX;
            for (size_t column = 0; column < MATRIX; column++)
                out[column] += factor * in[column];
        }
    }
}

static float (*positions)[4], (*accelerations)[4];

static void nbody(size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        float sum_x = 0, sum_y = 0, sum_z = 0;
        for (size_t j = 0; j < BODIES; j++) {
            float dx = positions[j][0] - positions[i][0], dy = positions[j][1] - positions[i][1];
            float dz = positions[j][2] - positions[i][2];
            float inverse = 1.0f / sqrtf(dx * dx + dy * dy + dz * dz + 0.01f);
            float force = positions[j][3] * inverse * inverse * inverse;
            sum_x += dx * force;
            sum_y += dy * force;
            sum_z += dz * force;
        }
        accelerations[i][0] = sum_x;
        accelerations[i][1] = sum_y;
        accelerations[i][2] = sum_z;
        accelerations[i][3] = 0;
    }
}

static uint32_t *steps;

static void mandelbrot(size_t from, size_t to) {
    for (size_t row = from; row < to; row++) {
        for (size_t column = 0; column < PLANE; column++) {
            float cx = -2.0f + 2.5f / PLANE * column, cy = -1.25f + 2.5f / PLANE * row;
            float zx = 0, zy = 0;
            uint32_t step = 0;
            while (step < STEP_LIMIT && zx * zx + zy * zy <= 4.0f) {
                float next = zx * zx - zy * zy + cx;
                zy = 2.0f * zx * zy + cy;
                zx = next;
                step++;
            }
            steps[row * PLANE + column] = step;
        }
    }
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1e3 + time.tv_nsec * 1e-6;
}

static int compared(const void *left, const void *right) {
    double l = *(const double *)left, r = *(const double *)right;
    return (l > r) - (l < r);
}

/* `amount` is the work of one run; the rate is in millions of it per second, named by `unit`. */
static void measure(const char *name, part_function *function, size_t count, size_t step, double amount,
                    const char *unit) {
    double times[RUNS];
    run(function, count, step);
    for (int i = 0; i < RUNS; i++) {
        double before = now();
        run(function, count, step);
        times[i] = now() - before;
    }
    qsort(times, RUNS, sizeof times[0], compared);
    printf("%-22s median %9.3f ms  least %9.3f ms  %8.1f %s", name, times[RUNS / 2], times[0],
           amount / times[RUNS / 2] / 1e3, unit);
}

static void *array(size_t count, size_t size) {
    void *memory = aligned_alloc(64, (count * size + 63) / 64 * 64);
    if (!memory) {
        fprintf(stderr, "baselines: no memory for %zu bytes\n", count * size);
        exit(71);
    }
    return memory;
}

/* Numbers from 0 to 1, the same in every run. */
static float *random_floats(size_t count) {
    float *floats = array(count, sizeof *floats);
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        floats[i] = (state >> 8) * 0x1p-24f;
    }
    return floats;
}

static double sum(const float *floats, size_t count) {
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += floats[i];
    return sum;
}

int main(int argument_count, char **arguments) {
    thread_count = argument_count > 1 ? atoi(arguments[1]) : (int)sysconf(_SC_NPROCESSORS_ONLN);
    if (argument_count > 2 || thread_count < 1 || thread_count > MAXIMUM_THREADS) {
        fprintf(stderr, "usage: baselines [THREADS], from 1 to %d\n", MAXIMUM_THREADS);
        return 64;
    }
    pthread_barrier_init(&start, NULL, thread_count);
    pthread_barrier_init(&end, NULL, thread_count);
    pthread_t threads[MAXIMUM_THREADS];
    for (int i = 1; i < thread_count; i++) {
        if (pthread_create(&threads[i], NULL, work, NULL) != 0) {
            fprintf(stderr, "baselines: thread %d of %d cannot be made\n", i + 1, thread_count);
            return 71;
        }
    }
    printf("%d threads, %d runs\n", thread_count, RUNS);

    x = random_floats(SAXPY_COUNT);
    y = random_floats(SAXPY_COUNT);
    measure("saxpy 2^25", saxpy, SAXPY_COUNT, 1 << 16, 12.0 * SAXPY_COUNT, "MB/s");
    printf("  sum %g\n", sum(y, SAXPY_COUNT));

    a = random_floats(MATRIX * MATRIX);
    b = random_floats(MATRIX * MATRIX);
    c = array(MATRIX * MATRIX, sizeof *c);
    measure("sgemm 768", sgemm, MATRIX, 8, 2.0 * MATRIX * MATRIX * MATRIX, "MFLOP/s");
    printf("  sum %g\n", sum(c, MATRIX * MATRIX));

    positions = (float (*)[4])random_floats(BODIES * 4);
    accelerations = array(BODIES, sizeof *accelerations);
    measure("nbody 8192", nbody, BODIES, 64, (double)BODIES * BODIES, "M pairs/s");
    printf("  sum %g\n", sum(accelerations[0], BODIES * 4));

    steps = array(PLANE * PLANE, sizeof *steps);
    measure("mandelbrot 1024, 256", mandelbrot, PLANE, 4, (double)PLANE * PLANE, "M points/s");
    double all = 0;
    for (size_t i = 0; i < PLANE * PLANE; i++)
        all += steps[i];
    printf("  sum %g\n", all);

    current = NULL;
    pthread_barrier_wait(&start);
    for (int i = 1; i < thread_count; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
