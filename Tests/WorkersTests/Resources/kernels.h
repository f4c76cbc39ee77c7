#include "understudy_softgpu.h"

#define KERNEL __attribute__((visibility("default"))) void
