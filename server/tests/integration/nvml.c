/* A stand-in for the library of NVIDIA's driver, for machines without a GPU: two devices whose readings are known, by the
 * calls and structures that NVIDIA's nvml.h declares. The first answers everything and is slowed down by heat; the second
 * idles and says of some questions, as the library does, that it does not support them. */
#include <stdio.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, INSUFFICIENT_SIZE = 7 };
enum { IDLE = 0x1, POWER_LIMIT = 0x4, HARDWARE = 0x8, HEAT = 0x20, HEAT_BY_HARDWARE = 0x40 };

typedef struct { int number; } device;
static device devices[2] = { { 0 }, { 1 } };

typedef struct { unsigned int gpu, memory; } utilization;
typedef struct { unsigned int version; unsigned long long total, reserved, free, used; } memory;

int nvmlInit_v2(void) { return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
const char *nvmlErrorString(int code) { (void)code; return "said by the stand-in"; }

int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 2; return SUCCESS; }

int nvmlDeviceGetHandleByIndex_v2(unsigned int index, device **found) {
    *found = &devices[index];
    return SUCCESS;
}

int nvmlDeviceGetUUID(device *of, char *text, unsigned int size) {
    snprintf(text, size, "GPU-00000000-0000-0000-0000-00000000000%d", of->number);
    return SUCCESS;
}

int nvmlDeviceGetName(device *of, char *text, unsigned int size) {
    snprintf(text, size, "%s", of->number == 0 ? "Stand-in, worked" : "Stand-in, idle");
    return SUCCESS;
}

int nvmlDeviceGetUtilizationRates(device *of, utilization *rates) {
    rates->gpu = of->number == 0 ? 87 : 0;
    rates->memory = of->number == 0 ? 42 : 0;
    return SUCCESS;
}

int nvmlDeviceGetMemoryInfo_v2(device *of, memory *info) {
    info->total = 80000000000ULL;
    info->reserved = 0;
    info->used = of->number == 0 ? 60000000000ULL : 0;
    info->free = info->total - info->used;
    return SUCCESS;
}

int nvmlDeviceGetTemperature(device *of, int sensor, unsigned int *degrees) {
    (void)sensor;
    *degrees = of->number == 0 ? 91 : 34;
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(device *of, unsigned int *milliwatts) {
    *milliwatts = 312500;
    return of->number == 0 ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetClockInfo(device *of, int of_what, unsigned int *megahertz) {
    *megahertz = (of_what == 2 ? 2600 : 1410) - 1000 * of->number;
    return SUCCESS;
}

int nvmlDeviceGetCurrentClocksThrottleReasons(device *of, unsigned long long *reasons) {
    *reasons = of->number == 0 ? POWER_LIMIT | HARDWARE | HEAT | HEAT_BY_HARDWARE : IDLE;
    return SUCCESS;
}

int nvmlDeviceGetTotalEccErrors(device *of, int uncorrected, int counter, unsigned long long *errors) {
    (void)counter;
    *errors = uncorrected ? 0 : 7;
    return of->number == 0 ? SUCCESS : NOT_SUPPORTED;
}

int nvmlDeviceGetComputeRunningProcesses_v3(device *of, unsigned int *count, void *found) {
    (void)found;
    *count = of->number == 0 ? 3 : 0;
    return *count > 0 ? INSUFFICIENT_SIZE : SUCCESS;
}
