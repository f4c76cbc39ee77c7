/* Kernels of the tests. Each is linked as the entry point of a code object of its own. */
#include "understudy_softgpu.h"

static uint64_t number(const struct softgpu_group *group) {
    return group->id[0] + (uint64_t)group->groups[0] * (group->id[1] + (uint64_t)group->groups[1] * group->id[2]);
}

/* Counts how often each group ran. */
void count_groups(const void *arguments, const struct softgpu_group *group) {
    uint32_t *counts = *(uint32_t *const *)arguments;
    __atomic_fetch_add(&counts[number(group)], 1, __ATOMIC_RELAXED);
}

/* Writes down what group 0 is told. */
void describe(const void *arguments, const struct softgpu_group *group) {
    uint64_t *words = *(uint64_t *const *)arguments;
    for (int axis = 0; axis < 3; axis++) {
        words[axis] = group->groups[axis];
        words[3 + axis] = group->size[axis];
    }
    words[6] = (uint64_t)group->memory % 16;
    words[7] = group->memory_size;
    uint8_t *memory = group->memory;
    for (uint64_t index = 0; index < group->memory_size; index++) memory[index] = (uint8_t)index;
    uint64_t sum = 0;
    for (uint64_t index = 0; index < group->memory_size; index++) sum += memory[index];
    words[8] = sum;
}

/* Each of two groups waits for the other: they end only if two lanes run them at once. */
void meet(const void *arguments, const struct softgpu_group *group) {
    uint32_t *flags = *(uint32_t *const *)arguments;
    __atomic_store_n(&flags[group->id[0]], group->lane + 1, __ATOMIC_RELEASE);
    while (__atomic_load_n(&flags[1 - group->id[0]], __ATOMIC_ACQUIRE) == 0) __builtin_ia32_pause();
}

static int answers[3] = {40, 41, 42};
int *const answer_pointers[3] = {&answers[0], &answers[1], &answers[2]};
static uint64_t calls;

/* Needs relocated pointers and writable data. */
void use_data(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    uint64_t *words = *(uint64_t *const *)arguments;
    words[0] = (uint64_t)*answer_pointers[words[1]];
    words[2] = __atomic_add_fetch(&calls, 1, __ATOMIC_RELAXED);
}

void read_at(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    (void)**(volatile uint8_t *const *)arguments;
}

void write_at(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    **(volatile uint8_t *const *)arguments = 1;
}

void write_word_at(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    **(volatile uint64_t *const *)arguments = UINT64_MAX;
}

void call_at(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    (*(void (*const *)(void))arguments)();
}

void trap(const void *arguments, const struct softgpu_group *group) {
    (void)arguments;
    (void)group;
    __builtin_trap();
}

void divide(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    volatile int dividend = 17, zero = 0;
    **(volatile int *const *)arguments = dividend / zero;
}

static long call(long number, long a, long b, long c, long d, long e, long f) {
    register long r10 __asm__("r10") = d;
    register long r8 __asm__("r8") = e;
    register long r9 __asm__("r9") = f;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* Words: number, six arguments, and room for the result. */
void system_call(const void *arguments, const struct softgpu_group *group) {
    (void)group;
    long *words = *(long *const *)arguments;
    words[7] = call(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);
}

static int deep(volatile char *above, int depth) {
    volatile char here[4096];
    here[0] = above[0];
    return deep(here, depth + 1) + here[0];
}

void recurse(const void *arguments, const struct softgpu_group *group) {
    (void)arguments;
    (void)group;
    volatile char start = 0;
    deep(&start, 0);
}

/* Says that it runs, and never ends. */
void spin(const void *arguments, const struct softgpu_group *group) {
    uint32_t *flags = *(uint32_t *const *)arguments;
    __atomic_store_n(&flags[number(group)], 1, __ATOMIC_RELEASE);
    for (;;) __builtin_ia32_pause();
}

/* The last group faults, the others never end by themselves. */
void fault_in_one(const void *arguments, const struct softgpu_group *group) {
    (void)arguments;
    if (number(group) + 1 == group->groups[0]) *(volatile uint8_t *)UINT64_C(0x123456789000) = 1;
    for (;;) __builtin_ia32_pause();
}

/* What a code object may not have. */
#ifdef CONSTRUCTOR
__attribute__((constructor)) static void construct(void) { __asm__ volatile("" : : "r"(&calls)); }
#endif
#ifdef THREAD_LOCAL
__thread uint64_t of_thread = 1;
#endif
#ifdef UNDEFINED
void elsewhere(void);
void (*const pointer_elsewhere)(void) = elsewhere;
#endif
